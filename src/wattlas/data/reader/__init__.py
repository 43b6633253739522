"""The one reader of tables: CSV or Parquet → typed columns, or every problem by file and line."""
