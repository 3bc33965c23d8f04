//! What clients may ask for at most.

use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, getrlimit};

use super::milliseconds;
use crate::admission::AdmissionOptions;
use crate::http::Origin;

/// Descriptors that are not for connections of clients: those to PostgreSQL, the log, a scrape that must get through.
const RESERVED_DESCRIPTORS: u64 = 64;

/// Options of `serve` that limit.
#[derive(Debug, Args)]
pub struct LimitOptions {
    /// Connections of clients; 0: as many as the process may have descriptors, less a few
    #[arg(long, env = "FAUNA_MAX_CONNECTIONS", default_value = "0", value_name = "COUNT")]
    pub max_connections: usize,
    /// Open streams of one key; 0: any number
    #[arg(long, env = "FAUNA_MAX_STREAMS_PER_KEY", default_value = "0", value_name = "COUNT")]
    pub max_streams_per_key: u32,
    /// Requests per second by one key, on average; 0: any number
    #[arg(long, env = "FAUNA_MAX_REQUESTS_PER_SECOND", default_value = "0", value_name = "COUNT")]
    pub max_requests_per_second: u32,
    /// Bytes that the body of a request may have
    #[arg(long, env = "FAUNA_MAX_BODY_BYTES", default_value = "1048576", value_name = "BYTES")]
    pub max_body_bytes: usize,
    /// Bytes that an evaluation context may have
    #[arg(long, env = "FAUNA_MAX_CONTEXT_BYTES", default_value = "16384", value_name = "BYTES")]
    pub max_context_bytes: usize,
    /// Origins whose web pages may use the endpoints for clients, with commas between them; * for all
    #[arg(long, env = "FAUNA_CORS_ORIGINS", value_delimiter = ',', value_name = "ORIGIN")]
    pub cors_origins: Vec<Origin>,
    /// The longest a request may take from its head to the head of its answer
    #[arg(long, env = "FAUNA_REQUEST_TIMEOUT_MS", default_value = "10000", value_name = "MS", value_parser = milliseconds)]
    pub request_timeout_ms: Duration,
}

impl LimitOptions {
    /// For those who admit requests.
    pub fn admission(&self) -> AdmissionOptions {
        AdmissionOptions {
            max_streams_per_key: self.max_streams_per_key,
            max_requests_per_second: self.max_requests_per_second,
        }
    }

    /// Connections at a time.
    pub fn connections(&self) -> usize {
        match self.max_connections {
            0 => getrlimit(Resource::Nofile)
                .current
                .and_then(|descriptors| {
                    usize::try_from(descriptors.saturating_sub(RESERVED_DESCRIPTORS)).ok()
                })
                .unwrap_or(usize::MAX),
            connections => connections,
        }
    }
}
