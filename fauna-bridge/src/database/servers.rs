//! The servers that a connection string names.
//!
//! `tokio_postgres` tries them by itself, but its timeout covers only the socket: a server that accepts and then says
//! nothing would use up the time for all. And two connections made one after the other must lead to the same server. So each is tried
//! apart, with a time of its own.

use sha2::{Digest as _, Sha256};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

use crate::sdk_key::hex;

/// Takes a connection string with several hosts apart. Everything but host, address and port is the same for each.
///
/// # Errors
/// The numbers of hosts, addresses and ports do not fit each other.
pub fn split(config: &Config) -> Result<Vec<Config>, &'static str> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    if count == 0 {
        return Err("it names no host");
    }
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err("there must be as many addresses as hosts");
    }
    if ports.len() > 1 && ports.len() != count {
        return Err("there must be one port, or as many as hosts");
    }
    let one = |index: usize| {
        let mut server = without_servers(config);
        match hosts.get(index) {
            Some(Host::Tcp(name)) => drop(server.host(name)),
            Some(Host::Unix(path)) => drop(server.host_path(path)),
            // The name that a certificate has to be for.
            None => {
                if let Some(address) = addresses.get(index) {
                    server.host(address.to_string());
                }
            }
        }
        if let Some(address) = addresses.get(index) {
            server.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or_else(|| ports.first()) {
            server.port(*port);
        }
        server
    };
    Ok((0..count).map(one).collect())
}

/// In which order servers are tried, as indices.
pub fn order(servers: &[Config]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..servers.len()).collect();
    if servers.iter().any(|server| server.get_load_balance_hosts() == LoadBalanceHosts::Random) {
        fastrand::shuffle(&mut order);
    }
    order
}

/// A digest of which servers there are, in whatever order, and which of their databases is meant.
pub fn identity(servers: &[Config]) -> String {
    let mut names: Vec<String> = servers
        .iter()
        .map(|server| {
            let port = server.get_ports().first().unwrap_or(&5432);
            format!("{:?} {:?} {port}", server.get_hosts(), server.get_hostaddrs())
        })
        .collect();
    names.sort();
    let database = servers.first().and_then(|server| server.get_dbname().or(server.get_user()));
    hex(&Sha256::digest(format!("{names:?} {database:?}")))
}

/// Whether a server is reached by a socket of this machine, where libpq ignores `sslmode`.
pub fn is_local(server: &Config) -> bool {
    matches!(server.get_hosts(), [Host::Unix(_)])
}

/// Everything that is said once for all servers.
fn without_servers(config: &Config) -> Config {
    let mut rest = Config::new();
    if let Some(user) = config.get_user() {
        rest.user(user);
    }
    if let Some(password) = config.get_password() {
        rest.password(password);
    }
    if let Some(database) = config.get_dbname() {
        rest.dbname(database);
    }
    if let Some(options) = config.get_options() {
        rest.options(options);
    }
    if let Some(name) = config.get_application_name() {
        rest.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        rest.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        rest.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        rest.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        rest.keepalives_retries(retries);
    }
    rest.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs())
        .load_balance_hosts(config.get_load_balance_hosts());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(conninfo: &str) -> Result<Vec<Config>, &'static str> {
        split(&conninfo.parse().unwrap())
    }

    #[test]
    fn every_server_keeps_what_is_said_for_all() {
        let rest = "user=u password=p dbname=d options='-c a.b=1' application_name=n connect_timeout=3 tcp_user_timeout=4 \
                    keepalives=0 keepalives_idle=5 keepalives_interval=6 keepalives_retries=7 sslmode=require \
                    sslnegotiation=direct channel_binding=require target_session_attrs=read-write load_balance_hosts=random";
        let alone: Config = format!("host=b port=2 {rest}").parse().unwrap();
        let split = servers(&format!("host=a,b,/run/c port=1,2,3 {rest}")).unwrap();
        assert_eq!(split.len(), 3);
        assert_eq!(split[1], alone);
        assert_eq!(
            (split[2].get_hosts(), split[2].get_ports()),
            (&[Host::Unix("/run/c".into())][..], &[3][..])
        );
    }

    #[test]
    fn one_port_holds_for_all_and_an_address_stands_for_a_name() {
        let split = servers("host=a,b hostaddr=127.0.0.1,127.0.0.2 port=7").unwrap();
        assert_eq!(split[1].get_ports(), [7]);
        assert_eq!(split[1].get_hostaddrs(), ["127.0.0.2".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(servers("hostaddr=127.0.0.1,127.0.0.2").unwrap().len(), 2);
    }

    #[test]
    fn a_database_is_told_by_its_servers_and_its_name_and_by_nothing_else() {
        let identity = |conninfo: &str| identity(&servers(conninfo).unwrap());
        let one = identity("host=a,b port=1,2 dbname=d user=u");
        assert_eq!(one, identity("postgresql://v:secret@b:2,a:1/d?connect_timeout=3"));
        assert_eq!(identity("host=a user=d"), identity("host=a port=5432 dbname=d"));
        for other in ["host=a,b port=1,2 dbname=e", "host=a,b port=2,1 dbname=d", "host=a port=1 dbname=d"] {
            assert_ne!(one, identity(other), "{other}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for conninfo in ["user=u", "host=a,b hostaddr=127.0.0.1", "host=a,b,c port=1,2"] {
            assert!(servers(conninfo).is_err(), "{conninfo}");
        }
    }
}
