//! What a function keeps for each place in a running plan that calls it.

use std::cell::Cell;

use pgrx::pg_sys::NodeTag;
use pgrx::{PgMemoryContexts, pg_sys};

use crate::cache::Cache;
use crate::keyed::Keyed;
use crate::row::nodes::{nodes, read};
use crate::varlena::Text;

/// What is kept for the call site of `call`, made anew if there is nothing or it `is_current` no more.
///
/// # Safety
/// `call` is that of the running call, of a function that keeps nothing else in `fn_extra` and always the same `T`.
#[inline]
pub unsafe fn kept<'a, T: 'static>(
    call: pg_sys::FunctionCallInfo,
    is_current: impl FnOnce(&T) -> bool,
    make: impl FnOnce(*mut pg_sys::FmgrInfo) -> T,
) -> &'a T {
    // SAFETY: the call has a function, whose memory lives as long as its `fn_extra` is used.
    unsafe {
        let function = (*call).flinfo;
        let kept = (*function).fn_extra.cast::<T>().as_ref();
        if let Some(kept) = kept.filter(|kept| is_current(kept)) {
            return kept;
        }
        let site = PgMemoryContexts::For((*function).fn_mcxt).leak_and_drop_on_delete(make(function));
        (*function).fn_extra = site.cast();
        &*site
    }
}

/// What the key of a call site stands for in a cache: looked up once if the key [is constant](is_constant).
pub struct Lookup<T> {
    is_constant: bool,
    /// The cache that `found` is of.
    generation: Cell<u64>,
    found: Cell<Option<*const T>>,
}

impl<T> Lookup<T> {
    /// Of the calls of `function` with the key in this argument.
    ///
    /// # Safety
    /// `function` is that of a running call.
    pub unsafe fn new(function: *mut pg_sys::FmgrInfo, argument: usize) -> Self {
        // SAFETY: as the caller says.
        let is_constant = unsafe { is_constant(function, argument) };
        Self { is_constant, generation: Cell::new(0), found: Cell::new(None) }
    }
}

impl<T: Keyed> Lookup<T> {
    /// What the call's key stands for. `on_found` hears of everything that is looked up, and whether it is the first in
    /// this cache.
    #[inline]
    pub fn find<'c>(
        &self,
        cache: &'c Cache,
        key: Option<Text<'_>>,
        on_found: impl FnOnce(Option<&'c T>, bool),
    ) -> Option<&'c T> {
        if self.is_constant && self.generation.get() == cache.generation() {
            // SAFETY: found in this very cache, which keeps what it holds where it is until it goes.
            return self.found.get().map(|found| unsafe { &*found });
        }
        let found = T::find(cache, key.map_or("", Text::as_str));
        let is_first = self.generation.replace(cache.generation()) != cache.generation();
        self.found.set(found.map(std::ptr::from_ref));
        on_found(found, is_first);
        found
    }
}

/// A key as it was passed, with what the call site knows of it.
pub struct KeyArgument<'a, T> {
    key: Option<Text<'a>>,
    lookup: Option<&'a Lookup<T>>,
}

impl<'a, T: Keyed> KeyArgument<'a, T> {
    /// The first argument of a call.
    ///
    /// # Safety
    /// As for [`kept`]; `key` is the first argument.
    #[inline]
    pub unsafe fn first(call: pg_sys::FunctionCallInfo, key: Option<Text<'a>>) -> Self {
        // SAFETY: as the caller says.
        let lookup = unsafe { kept(call, |_| true, |function| Lookup::new(function, 0)) };
        Self { key, lookup: Some(lookup) }
    }

    /// A key of a call that keeps something else.
    pub fn passing(key: Option<Text<'a>>) -> Self {
        Self { key, lookup: None }
    }

    /// What it stands for.
    #[inline]
    pub fn find<'c>(&self, cache: &'c Cache) -> Option<&'c T> {
        match self.lookup {
            Some(lookup) => lookup.find(cache, self.key, |_, _| ()),
            None => T::find(cache, self.key.map_or("", Text::as_str)),
        }
    }
}

/// Whether an argument of a call is a literal: a parameter may change while the call site's memory stays, as PL/pgSQL
/// does it.
///
/// # Safety
/// `function` is that of a running call.
pub unsafe fn is_constant(function: *mut pg_sys::FmgrInfo, argument: usize) -> bool {
    // SAFETY: a node says what it is, and a function call's arguments are a list of nodes.
    unsafe {
        let call = (*function).fn_expr;
        if call.as_ref().is_none_or(|call| call.type_ != NodeTag::T_FuncExpr) {
            return false;
        }
        let argument = nodes(read::<pg_sys::FuncExpr>(call).args).get(argument);
        argument.is_some_and(|argument| (**argument).type_ == NodeTag::T_Const)
    }
}
