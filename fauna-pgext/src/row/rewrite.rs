//! Takes a row apart where the planner sees its columns.
//!
//! Forming a whole row for a call, and finding the fields in it again, costs more than evaluating
//! two or three conditions. So the planner is told (by the support function of `enabled_row` and
//! `in_audience_row`) that
//!
//! ```sql
//! fauna.in_audience_row('beta', u)
//! fauna.in_audience_columns('beta', 'id', '{id,plan,country}', u.id, u.plan, u.country)
//! ```
//!
//! are the same. It happens while a plan is made: a view, a rule or a policy keeps the call as it was written. What is
//! not plainly a row of a table or a row expression is left alone. So is a row that can be null as a whole, which only
//! an outer join (or `OLD` and `NEW` in RETURNING) makes: its columns would be a row of nulls, another context.

use std::ffi::{CStr, CString, c_void};

use pgrx::pg_sys::NodeTag;
use pgrx::prelude::*;
use pgrx::{Internal, PgTupleDesc, pg_sys};

use super::columns::FIXED_ARGUMENTS;

/// A column's name and what gives its value.
type Column = (CString, *mut pg_sys::Node);

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
        let columns = match (*row).type_ {
            NodeTag::T_Var => columns_of_table(request.root, &*row.cast())?,
            NodeTag::T_RowExpr => columns_of_expression(request.root, &*row.cast())?,
            _ => return None,
        };
        let most = pg_sys::FUNC_MAX_ARGS as usize - FIXED_ARGUMENTS;
        if columns.is_empty() || columns.len() > most {
            return None;
        }
        let function = counterpart(call.funcid)?;
        let mut arguments = std::ptr::null_mut();
        for argument in [key, key_column, names(&columns)].into_iter().chain(columns.iter().map(|c| c.1)) {
            arguments = pg_sys::lappend(arguments, argument.cast());
        }
        Some(pg_sys::makeFuncExpr(
            function,
            pg_sys::BOOLOID,
            arguments,
            pg_sys::Oid::INVALID,
            call.inputcollid,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        ))
    }
}

/// The columns of a table's whole row, as variables.
unsafe fn columns_of_table(root: *mut pg_sys::PlannerInfo, row: &pg_sys::Var) -> Option<Vec<Column>> {
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
        Some(columns)
    }
}

/// The columns of `ROW(…)`, of a view's row or that of a subquery.
unsafe fn columns_of_expression(
    root: *mut pg_sys::PlannerInfo,
    row: &pg_sys::RowExpr,
) -> Option<Vec<Column>> {
    // SAFETY: the planner's own structures.
    unsafe {
        let values = nodes(row.args);
        if row.row_typeid == pg_sys::RECORDOID {
            let names = nodes(row.colnames);
            let name = |name: *mut pg_sys::Node| CStr::from_ptr(read::<pg_sys::String>(name).sval).into();
            return (names.len() == values.len())
                .then(|| names.iter().map(|n| name(*n)).zip(values.iter().copied()).collect());
        }
        // A plan is made anew when a type it depends on changes, if it says so.
        let glob = root.as_ref()?.glob.as_mut()?;
        let relation = pg_sys::get_typ_typrelid(row.row_typeid);
        glob.relationOids = pg_sys::lappend_oid(glob.relationOids, relation);
        let descriptor = PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(row.row_typeid, -1));
        let columns = descriptor.iter().zip(values).filter(|(attribute, _)| !attribute.attisdropped);
        Some(columns.map(|(attribute, value)| (name_of(attribute), *value)).collect())
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

/// The function that takes the columns, if the user may call both: who may not is told so by the one they wrote.
fn counterpart(function: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: lookups in the catalogs that report absence.
    unsafe {
        let name = pg_sys::get_func_name(function);
        let name = (!name.is_null()).then(|| CStr::from_ptr(name))?;
        let name = match name.to_bytes() {
            b"enabled_row" => c"enabled_columns",
            b"in_audience_row" => c"in_audience_columns",
            _ => return None,
        };
        let types = [pg_sys::TEXTOID, pg_sys::TEXTOID, pg_sys::TEXTARRAYOID, pg_sys::ANYOID];
        let columns = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP.cast_signed(),
            pg_sys::Anum_pg_proc_oid.try_into().ok()?,
            name.as_ptr().into(),
            pg_sys::buildoidvector(types.as_ptr(), 4).into(),
            pg_sys::get_func_namespace(function).into(),
            pg_sys::Datum::null(),
        );
        let is_there = columns != pg_sys::Oid::INVALID;
        (is_there && may_execute(function) && may_execute(columns)).then_some(columns)
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
    let value = names.into_datum().unwrap_or(pg_sys::Datum::null());
    // SAFETY: a constant of a type that is passed as a pointer, in the planner's memory.
    unsafe {
        pg_sys::makeConst(pg_sys::TEXTARRAYOID, -1, pg_sys::DEFAULT_COLLATION_OID, -1, value, false, false)
            .cast()
    }
}

fn name_of(attribute: &pg_sys::FormData_pg_attribute) -> CString {
    // SAFETY: a name ends with a zero byte.
    unsafe { CStr::from_ptr(attribute.attname.data.as_ptr()) }.into()
}

/// A node as the type that its tag says.
unsafe fn read<'a, T>(node: *mut pg_sys::Node) -> &'a T {
    // SAFETY: the caller has looked at the tag; nodes are allocated at the server's greatest alignment.
    unsafe { &*node.cast::<c_void>().cast() }
}

/// The nodes of a list.
unsafe fn nodes<'a>(list: *mut pg_sys::List) -> &'a [*mut pg_sys::Node] {
    // SAFETY: a list of pointers has as many of them, one behind the other, as it says.
    unsafe {
        list.as_ref().map_or(&[], |list| {
            std::slice::from_raw_parts(list.elements.cast(), usize::try_from(list.length).unwrap_or_default())
        })
    }
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
