//! When a result can change although nobody changes anything: a rule's window opens or closes, a ramp moves.
//!
//! Whoever pushes results must not have to evaluate every flag every second to find out. For a window the instant is written in the
//! rule. For a ramp it is computed per context: the first weight is a monotonic function of time, so there is one instant
//! at which it passes the context's bucket, and before that the context's result stays what it is.

use crate::flag::{Body, Flag, Rule};
use crate::serve::Serve;
use crate::{Context, Source, Timestamp};

/// The first instant after `now` at which `flag` *may* come to evaluate to something else for `context`, as long as no document
/// changes: until then its result is the one at `now`. `None`: it stays for ever.
///
/// The instant may come too early (whether a rule's audiences match is not looked at), never too late. Flags that it
/// requires are found in `source`.
pub fn next_change<'s, S, C>(source: &'s S, flag: &'s Flag, context: &C, now: Timestamp) -> Option<Timestamp>
where
    S: Source + ?Sized,
    C: Context + ?Sized,
{
    let (mut next, mut walked) = (None, 0);
    let mut flags = vec![flag];
    while let Some(&flag) = flags.get(walked) {
        walked += 1;
        let Some(body) = flag.enabled_body() else { continue };
        next = earlier(next, body.next_change(context, now));
        for required in &body.prerequisites {
            let Some(required) = source.flag(&required.flag) else { continue };
            if flags.iter().all(|known| known.key() != required.key()) {
                flags.push(required);
            }
        }
    }
    next
}

impl Flag {
    /// Whether its own rules or its default depend on the time. A flag that requires such a one does, too, and is not asked here.
    pub fn has_schedule(&self) -> bool {
        self.enabled_body().is_some_and(|body| {
            let windows = |rule: &Rule| rule.active_from.is_some() || rule.active_until.is_some();
            body.default.has_ramp() || body.rules.iter().any(|rule| windows(rule) || rule.serve.has_ramp())
        })
    }

    /// The first instant after `now` at which a window of its own opens or closes, or a ramp begins or ends, whoever is asked for. Between
    /// the last two results change one by one: see [`Flag::is_ramping`].
    pub fn next_edge(&self, now: Timestamp) -> Option<Timestamp> {
        let body = self.enabled_body()?;
        let rules = body.rules.iter().flat_map(|rule| {
            let windows = [rule.active_from, rule.active_until].into_iter().flatten();
            windows.chain(rule.serve.ramp_edges().into_iter().flatten())
        });
        let edges = rules.chain(body.default.ramp_edges().into_iter().flatten());
        edges.filter(|edge| *edge > now).min()
    }

    /// Whether a ramp of its own is on its way.
    pub fn is_ramping(&self, now: Timestamp) -> bool {
        self.enabled_body().is_some_and(|body| {
            let ramps = body.rules.iter().map(|rule| &rule.serve).chain([&body.default]);
            ramps.filter_map(Serve::ramp_edges).any(|[from, until]| from <= now && now < until)
        })
    }

    fn enabled_body(&self) -> Option<&Body> {
        self.body().ok().filter(|body| body.enabled)
    }
}

impl Body {
    fn next_change<C: Context + ?Sized>(&self, context: &C, now: Timestamp) -> Option<Timestamp> {
        let serve = |serve: &Serve| serve.next_change(&self.salt, context, now);
        let rules = self.rules.iter().filter(|rule| rule.active_until.is_none_or(|until| now < until));
        let rules = rules.map(|rule| match rule.active_from {
            // Until it begins, nothing else of it counts.
            Some(from) if now < from => Some(from),
            _ => earlier(rule.active_until, serve(&rule.serve)),
        });
        rules.fold(serve(&self.default), earlier)
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
