/*
 * error_class.c - whose fault an error is, by its SQLSTATE.
 *
 * What PostgreSQL raises because the world is busy or broken is listed, and
 * so is what it raises because an object or a right is missing.  The rest is
 * taken to come from the data: what functions of users raise has any SQLSTATE
 * they like, and a view must not wait for ever for such a row to get better.
 */
#include "postgres.h"

#include "compat.h"
#include "error_class.h"

/* Returns the class of an error. */
ErrorClass
error_class(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_READ_ONLY_SQL_TRANSACTION:
			return ERROR_OF_CODE;
		case ERRCODE_QUERY_CANCELED:
			return ERROR_OF_TIME;
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_OBJECT_IN_USE:
			return ERROR_TO_RETRY;
	}
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_TO_CATEGORY(ERRCODE_CONNECTION_EXCEPTION): /* 08 */
		case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_TRANSACTION_STATE):	/* 25 */
		case ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK): /* 40 */
		case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):	/* 53 */
		case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION):	/* 57 */
		case ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR): /* 58 */
		case ERRCODE_TO_CATEGORY(ERRCODE_SNAPSHOT_TOO_OLD): /* 72 */
		case ERRCODE_TO_CATEGORY(ERRCODE_FDW_ERROR):	/* HV */
			return ERROR_TO_RETRY;
		case ERRCODE_TO_CATEGORY(ERRCODE_CONFIG_FILE_ERROR):	/* F0 */
		case ERRCODE_TO_CATEGORY(ERRCODE_INTERNAL_ERROR):	/* XX */
			return ERROR_INTERNAL;
		case ERRCODE_TO_CATEGORY(ERRCODE_FEATURE_NOT_SUPPORTED):	/* 0A */
		case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_GRANTOR):	/* 0L */
		case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_ROLE_SPECIFICATION):	/* 0P */
		case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION):	/* 28 */
		case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_SCHEMA_NAME):	/* 3F */
		case ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION):	/* 42 */
		case ERRCODE_TO_CATEGORY(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE): /* 55 */
			return ERROR_OF_VIEW;
		default:
			return ERROR_OF_DATA;
	}
}
