//! What an evaluation may ask of a context.
//!
//! A caller that gathers attributes before it evaluates, and pays for each, asks here which ones it takes. Which of them
//! an evaluation then looks at depends on the context and the time; all that any can look at are named.

use std::collections::HashSet;

use crate::audience::Audience;
use crate::condition::Condition;
use crate::flag::Flag;
use crate::serve::Serve;
use crate::{AttributePath, Source};

/// The attributes that an evaluation of `flag` may look up, some of them more than once. Flags and audiences that it
/// refers to are found in `source`.
pub fn flag_needs<'s, S: Source + ?Sized>(source: &'s S, flag: &'s Flag) -> Vec<&'s AttributePath> {
    let mut walk = Walk::new(source);
    walk.flags.push(flag);
    walk.run()
}

/// The same for membership of `audience`.
pub fn audience_needs<'s, S: Source + ?Sized>(
    source: &'s S,
    audience: &'s Audience,
) -> Vec<&'s AttributePath> {
    let mut walk = Walk::new(source);
    walk.audiences.push(audience);
    walk.run()
}

/// A walk over everything that is referred to, in no particular order and to each once, so that it ends whatever
/// the documents say.
struct Walk<'s, S: ?Sized> {
    source: &'s S,
    flags: Vec<&'s Flag>,
    audiences: Vec<&'s Audience>,
    seen_flags: HashSet<&'s str>,
    seen_audiences: HashSet<&'s str>,
    paths: Vec<&'s AttributePath>,
}

impl<'s, S: Source + ?Sized> Walk<'s, S> {
    fn new(source: &'s S) -> Self {
        Self {
            source,
            flags: Vec::new(),
            audiences: Vec::new(),
            seen_flags: HashSet::new(),
            seen_audiences: HashSet::new(),
            paths: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<&'s AttributePath> {
        loop {
            if let Some(flag) = self.flags.pop() {
                if self.seen_flags.insert(flag.key()) {
                    self.visit_flag(flag);
                }
            } else if let Some(audience) = self.audiences.pop() {
                if self.seen_audiences.insert(audience.key()) {
                    self.visit_audience(audience);
                }
            } else {
                return self.paths;
            }
        }
    }

    fn visit_flag(&mut self, flag: &'s Flag) {
        let Ok(body) = flag.body() else { return };
        let source = self.source;
        self.flags.extend(body.prerequisites.iter().filter_map(|required| source.flag(&required.flag)));
        for rule in &body.rules {
            self.audiences.extend(rule.audiences.iter().filter_map(|member| source.audience(&member.key)));
            self.visit_serve(&rule.serve);
        }
        self.visit_serve(&body.default);
    }

    fn visit_serve(&mut self, serve: &'s Serve) {
        if let Serve::Split(split) = serve {
            self.paths.push(split.by());
        }
    }

    fn visit_audience(&mut self, audience: &'s Audience) {
        let Ok(body) = audience.body() else { return };
        for condition in &body.conditions {
            match condition {
                Condition::Attribute(condition) => self.paths.push(condition.path()),
                Condition::InAudience { keys, .. } => {
                    let source = self.source;
                    self.audiences.extend(keys.iter().filter_map(|key| source.audience(key)));
                }
            }
        }
    }
}
