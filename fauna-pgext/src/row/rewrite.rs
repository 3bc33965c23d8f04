//! Takes a row apart where the planner sees its columns.
//!
//! Forming a whole row for a call, and finding the fields in it again, costs more than evaluating
//! two or three conditions. So the planner is told (by the support function of `enabled_row` and
//! `in_audience_row`) that
//!
//! ```sql
//! fauna.in_audience_row('beta', u)
//! fauna.in_audience_columns('beta', 'id', '{plan,country}', 'users', u.ctid, NULL, u.plan, u.country)
//! ```
//!
//! are the same. Only the columns are passed that the audience asks for now; should it ask for another before the plan
//! is made anew, the row is read again from its place (see [`super::missing`]). It happens while a plan is made: a view, a rule or a policy keeps the call as it was written. What is
//! not plainly a row of a table or a row expression is left alone. So is a row that can be null as a whole, which only
//! an outer join (or `OLD` and `NEW` in RETURNING) makes: its columns would be a row of nulls, another context.

use std::collections::HashSet;
use std::ffi::{CStr, CString, c_void};

use fauna_core::Audience;
use pgrx::datum::FromDatum;
use pgrx::pg_sys::NodeTag;
use pgrx::prelude::*;
use pgrx::{Internal, PgTupleDesc, pg_sys};

use super::columns::{FIXED_ARGUMENTS, MARK_MODIFIER};
use super::missing::names_of;
use super::nodes::{nodes, read};
use crate::cache::{CachedFlag, with_cache};
use crate::keyed::Keyed;
use crate::varlena::Text;

/// A column's name and what gives its value.
type Column = (CString, *mut pg_sys::Node);

/// A row in columns.
struct Parts {
    columns: Vec<Column>,
    /// The table that the row can be read again from, and a variable for its place there.
    whereabouts: Option<(pg_sys::Oid, *mut pg_sys::Node)>,
}

/// Fewer columns left out than this are not worth the place of the row, which is passed in their stead.
const WORTH_LEAVING_OUT: usize = 2;

/// The call that does the same on the columns, if there is one.
///
/// # Safety
/// `request` is one that the planner makes.
unsafe fn rewrite(request: &pg_sys::SupportRequestSimplify) -> Option<*mut pg_sys::FuncExpr> {
    // SAFETY: the nodes are as the planner makes them, each of the type that its tag says.
    unsafe {
        let call = &*request.fcall;
        let [key, row, key_column] = *nodes(call.args) else { return None };
        if (*key_column).type_ != NodeTag::T_Const {
            return None;
        }
        let mut parts = match (*row).type_ {
            NodeTag::T_Var => parts_of_table(request.root, read(row))?,
            NodeTag::T_RowExpr => parts_of_expression(request.root, read(row))?,
            _ => return None,
        };
        let function = Counterpart::find(call.funcid)?;
        parts.leave_out(request.root, &function, key, key_column);
        let most = pg_sys::FUNC_MAX_ARGS as usize - FIXED_ARGUMENTS;
        if parts.columns.len() > most {
            return None;
        }
        let (relation, place) = match parts.whereabouts {
            Some((relation, place)) => (constant(pg_sys::REGCLASSOID, -1, 4, Some(relation.into())), place),
            None => (constant(pg_sys::REGCLASSOID, -1, 4, None), constant(pg_sys::TIDOID, -1, 6, None)),
        };
        let mark = constant(pg_sys::INTERNALOID, MARK_MODIFIER, 8, None);
        let fixed: [_; FIXED_ARGUMENTS] = [key, key_column, names(&parts.columns), relation, place, mark];
        let mut arguments = std::ptr::null_mut();
        for argument in fixed.into_iter().chain(parts.columns.iter().map(|column| column.1)) {
            arguments = pg_sys::lappend(arguments, argument.cast());
        }
        Some(pg_sys::makeFuncExpr(
            function.id,
            pg_sys::BOOLOID,
            arguments,
            pg_sys::Oid::INVALID,
            call.inputcollid,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        ))
    }
}

impl Parts {
    /// Leaves out what the flag or audience of now does not ask for, where the row can be read again when it asks
    /// for more, and has the plan made anew when that changes.
    unsafe fn leave_out(
        &mut self,
        root: *mut pg_sys::PlannerInfo,
        function: &Counterpart,
        key: *mut pg_sys::Node,
        key_column: *mut pg_sys::Node,
    ) {
        let count = self.columns.len();
        // SAFETY: the planner's own structures, and constants of type text.
        unsafe {
            let glob = root.as_ref().and_then(|root| root.glob.as_mut());
            if let (Some(_), Some(glob), Some(key)) = (self.whereabouts, glob, text_of(key)) {
                let needed = (function.needs)(key, text_of(key_column).unwrap_or_default());
                let is_needed = |name: &CString| needed.contains(name.to_string_lossy().as_ref());
                let rest: Vec<_> =
                    self.columns.iter().filter(|column| is_needed(&column.0)).cloned().collect();
                if rest.len() + WORTH_LEAVING_OUT <= count {
                    glob.relationOids = pg_sys::lappend_oid(glob.relationOids, function.signal);
                    self.columns = rest;
                    return;
                }
            }
        }
        self.whereabouts = None;
    }
}

/// The names of all columns that a flag or audience can ask for.
fn needs_of<T: Keyed>(key: &str, key_column: &str) -> HashSet<String> {
    with_cache(|cache| {
        let paths = T::find(cache, key).map(|found| found.needs(cache)).unwrap_or_default();
        paths.iter().flat_map(|path| names_of(path, key_column)).map(str::to_owned).collect()
    })
}

/// The columns of a table's whole row, as variables.
unsafe fn parts_of_table(root: *mut pg_sys::PlannerInfo, row: &pg_sys::Var) -> Option<Parts> {
    // SAFETY: the planner's own structures.
    unsafe {
        let query = query_of(root, row.varlevelsup)?;
        let table = table_of(query, row)?;
        if row.varattno != 0 || table.rtekind != pg_sys::RTEKind::RTE_RELATION || can_be_null(query, row) {
            return None;
        }
        // Ordinary and partitioned tables, foreign tables, materialized views. The type says that the number is this
        // table's, too: a constraint is simplified before its variables get the numbers that they have in the query.
        let is_table = [b'r', b'p', b'f', b'm'].contains(&table.relkind.cast_unsigned());
        if !is_table || pg_sys::get_rel_type_id(table.relid) != row.vartype {
            return None;
        }
        let descriptor = PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(row.vartype, -1));
        let mut columns = Vec::with_capacity(descriptor.len());
        for attribute in descriptor.iter().filter(|attribute| !attribute.attisdropped) {
            // The planner replaces virtual columns itself, before it comes here.
            if attribute.attgenerated == b'v'.cast_signed() {
                return None;
            }
            let variable = pg_sys::makeVar(
                row.varno,
                attribute.attnum,
                attribute.atttypid,
                attribute.atttypmod,
                attribute.attcollation,
                row.varlevelsup,
            );
            columns.push((name_of(attribute), variable.cast()));
        }
        // A row that is being written is not in the table yet when a policy checks it.
        let is_stored = query.resultRelation != row.varno && !table.inh && is_heap(table);
        let whereabouts = is_stored.then(|| {
            let place =
                pg_sys::AttrNumber::try_from(pg_sys::SelfItemPointerAttributeNumber).unwrap_or_default();
            let none = pg_sys::Oid::INVALID;
            let place = pg_sys::makeVar(row.varno, place, pg_sys::TIDOID, -1, none, row.varlevelsup);
            (table.relid, place.cast())
        });
        (!columns.is_empty()).then_some(Parts { columns, whereabouts })
    }
}

/// The columns of `ROW(…)`, of a view's row or that of a subquery.
unsafe fn parts_of_expression(root: *mut pg_sys::PlannerInfo, row: &pg_sys::RowExpr) -> Option<Parts> {
    // SAFETY: the planner's own structures.
    unsafe {
        let values = nodes(row.args);
        if row.row_typeid == pg_sys::RECORDOID {
            let names = nodes(row.colnames);
            let name = |name: *mut pg_sys::Node| CStr::from_ptr(read::<pg_sys::String>(name).sval).into();
            let columns = || names.iter().map(|n| name(*n)).zip(values.iter().copied()).collect();
            return (names.len() == values.len()).then(|| Parts { columns: columns(), whereabouts: None });
        }
        // A plan is made anew when a type it depends on changes, if it says so.
        let glob = root.as_ref()?.glob.as_mut()?;
        let relation = pg_sys::get_typ_typrelid(row.row_typeid);
        glob.relationOids = pg_sys::lappend_oid(glob.relationOids, relation);
        let descriptor = PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(row.row_typeid, -1));
        let columns = descriptor.iter().zip(values).filter(|(attribute, _)| !attribute.attisdropped);
        let columns = columns.map(|(attribute, value)| (name_of(attribute), *value)).collect();
        Some(Parts { columns, whereabouts: None })
    }
}

/// The query that a variable belongs to, `levels` up.
unsafe fn query_of<'a>(root: *mut pg_sys::PlannerInfo, levels: u32) -> Option<&'a pg_sys::Query> {
    // SAFETY: the planner's own structures.
    unsafe {
        let mut root = root.as_ref()?;
        for _ in 0..levels {
            root = root.parent_root.as_ref()?;
        }
        root.parse.as_ref()
    }
}

unsafe fn table_of<'a>(query: &pg_sys::Query, row: &pg_sys::Var) -> Option<&'a pg_sys::RangeTblEntry> {
    let index = usize::try_from(row.varno).ok()?.checked_sub(1)?;
    // SAFETY: the planner's own structures.
    unsafe { nodes(query.rtable).get(index)?.cast::<pg_sys::RangeTblEntry>().as_ref() }
}

/// Whether the row can be null where the call is.
#[cfg_attr(feature = "pg15", expect(unused_variables, reason = "its variables do not say"))]
unsafe fn can_be_null(query: &pg_sys::Query, row: &pg_sys::Var) -> bool {
    // What joins a MERGE makes is seen later only, and grouping sets make nulls of what they do not group by.
    if query.commandType == pg_sys::CmdType::CMD_MERGE || !query.groupingSets.is_null() {
        return true;
    }
    #[cfg(feature = "pg18")]
    if row.varreturningtype != pg_sys::VarReturningType::VAR_RETURNING_DEFAULT {
        return true;
    }
    #[cfg(not(feature = "pg15"))]
    return !row.varnullingrels.is_null();
    #[cfg(feature = "pg15")]
    // SAFETY: the planner's own structures.
    return unsafe { has_outer_join(query.jointree.cast()) };
}

/// PostgreSQL 15 does not say which variables an outer join can make null.
#[cfg(feature = "pg15")]
unsafe fn has_outer_join(node: *mut pg_sys::Node) -> bool {
    // SAFETY: a join tree, each node of the type that its tag says.
    unsafe {
        match node.as_ref().map(|node| node.type_) {
            Some(NodeTag::T_FromExpr) => {
                nodes(read::<pg_sys::FromExpr>(node).fromlist).iter().any(|node| has_outer_join(*node))
            }
            Some(NodeTag::T_JoinExpr) => {
                let join = read::<pg_sys::JoinExpr>(node);
                let is_outer =
                    [pg_sys::JoinType::JOIN_LEFT, pg_sys::JoinType::JOIN_RIGHT, pg_sys::JoinType::JOIN_FULL]
                        .contains(&join.jointype);
                is_outer || has_outer_join(join.larg) || has_outer_join(join.rarg)
            }
            _ => false,
        }
    }
}

/// A table whose rows keep their places while a statement runs.
unsafe fn is_heap(table: &pg_sys::RangeTblEntry) -> bool {
    let is_kept = [b'r', b'm'].contains(&table.relkind.cast_unsigned());
    let none = pg_sys::Datum::null();
    let column = pg_sys::AttrNumber::try_from(pg_sys::Anum_pg_class_relam).unwrap_or_default();
    let cache = pg_sys::SysCacheIdentifier::RELOID.cast_signed();
    // SAFETY: a lookup of a table that the query has locked.
    is_kept
        && unsafe { pg_sys::GetSysCacheOid(cache, column, table.relid.into(), none, none, none) }
            == pg_sys::HEAP_TABLE_AM_OID
}

/// The function that takes the columns.
struct Counterpart {
    id: pg_sys::Oid,
    /// The names of the columns that the key's flag or audience can ask for.
    needs: fn(key: &str, key_column: &str) -> HashSet<String>,
    /// The relation that is invalidated when that changes.
    signal: pg_sys::Oid,
}

impl Counterpart {
    /// If there is one, and the user may call both: who may not is told so by the function that they wrote.
    fn find(function: pg_sys::Oid) -> Option<Self> {
        // SAFETY: lookups in the catalogs that report absence.
        unsafe {
            let name = pg_sys::get_func_name(function);
            let name = (!name.is_null()).then(|| CStr::from_ptr(name))?;
            let (name, needs): (_, fn(&str, &str) -> _) = match name.to_bytes() {
                b"enabled_row" => (c"enabled_columns", needs_of::<CachedFlag>),
                b"in_audience_row" => (c"in_audience_columns", needs_of::<Audience>),
                _ => return None,
            };
            let schema = pg_sys::get_func_namespace(function);
            let types = [
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTARRAYOID,
                pg_sys::REGCLASSOID,
                pg_sys::TIDOID,
                pg_sys::INTERNALOID,
                pg_sys::ANYOID,
            ];
            let id = pg_sys::GetSysCacheOid(
                pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP.cast_signed(),
                pg_sys::Anum_pg_proc_oid.try_into().ok()?,
                name.as_ptr().into(),
                pg_sys::buildoidvector(types.as_ptr(), types.len().try_into().ok()?).into(),
                schema.into(),
                pg_sys::Datum::null(),
            );
            let signal = pg_sys::get_relname_relid(c"cache_signal".as_ptr(), schema);
            let is_there = ![id, signal].contains(&pg_sys::Oid::INVALID);
            (is_there && may_execute(function) && may_execute(id)).then_some(Self { id, needs, signal })
        }
    }
}

fn may_execute(function: pg_sys::Oid) -> bool {
    let execute = pg_sys::AclMode::from(pg_sys::ACL_EXECUTE);
    // SAFETY: looks up the privileges of a function that exists.
    unsafe {
        let user = pg_sys::GetUserId();
        #[cfg(feature = "pg15")]
        let result = pg_sys::pg_proc_aclcheck(function, user, execute);
        #[cfg(not(feature = "pg15"))]
        let result = pg_sys::object_aclcheck(pg_sys::ProcedureRelationId, function, user, execute);
        result == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// The columns' names as a constant of type `text[]`.
fn names(columns: &[Column]) -> *mut pg_sys::Node {
    let names: Vec<_> = columns.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    constant(pg_sys::TEXTARRAYOID, -1, -1, names.into_datum())
}

/// A constant of a type, in the planner's memory.
fn constant(
    type_id: pg_sys::Oid,
    modifier: i32,
    length: i32,
    value: Option<pg_sys::Datum>,
) -> *mut pg_sys::Node {
    // SAFETY: the callers pass a value of that type, and the type's length.
    unsafe {
        let is_by_value = [pg_sys::REGCLASSOID, pg_sys::INTERNALOID].contains(&type_id);
        let collation = pg_sys::get_typcollation(type_id);
        let datum = value.unwrap_or(pg_sys::Datum::null());
        pg_sys::makeConst(type_id, modifier, collation, length, datum, value.is_none(), is_by_value).cast()
    }
}

/// The text of a constant.
unsafe fn text_of<'a>(node: *mut pg_sys::Node) -> Option<&'a str> {
    // SAFETY: the caller passes a node of type text.
    unsafe {
        if (*node).type_ != NodeTag::T_Const {
            return None;
        }
        let constant = read::<pg_sys::Const>(node);
        Text::from_polymorphic_datum(constant.constvalue, constant.constisnull, constant.consttype)
            .map(Text::as_str)
    }
}

fn name_of(attribute: &pg_sys::FormData_pg_attribute) -> CString {
    // SAFETY: a name ends with a zero byte.
    unsafe { CStr::from_ptr(attribute.attname.data.as_ptr()) }.into()
}

#[pg_schema]
mod fauna {
    use super::{Internal, NodeTag, c_void, pg_extern, pg_sys, rewrite};

    /// Its SQL is written out because a support function takes and returns `internal`.
    #[pg_extern(sql = r#"
        CREATE FUNCTION fauna.row_support(internal) RETURNS internal
        STABLE PARALLEL SAFE LANGUAGE c AS '@MODULE_PATHNAME@', '@FUNCTION_NAME@';
    "#)]
    fn row_support(request: Internal) -> Internal {
        let request =
            request.unwrap().map_or(std::ptr::null_mut(), pg_sys::Datum::cast_mut_ptr::<pg_sys::Node>);
        // SAFETY: the planner passes one of several requests, each of the type that its tag says.
        let call = unsafe {
            match request.as_ref() {
                Some(node) if node.type_ == NodeTag::T_SupportRequestSimplify => rewrite(&*request.cast()),
                _ => None,
            }
        };
        // Null, the pointer, says that there is nothing to simplify.
        let call = call.map_or(std::ptr::null_mut::<c_void>(), <*mut pg_sys::FuncExpr>::cast);
        Internal::from(Some(pg_sys::Datum::from(call)))
    }
}
