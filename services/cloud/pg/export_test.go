package pg

// SQL returns the query for the first statements of q.
func (q StatementQuery) SQL() (string, []any, error) { return q.buildSQL(nil, q.Limit+1) }
