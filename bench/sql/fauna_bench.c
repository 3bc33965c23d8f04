/* The least that a C function in PostgreSQL costs: it is called, looks at nothing and returns true. */
#include "postgres.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fauna_bench_empty);

Datum
fauna_bench_empty(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}
