"""Reads a folder of Parquet as its users do: prints what PyArrow and DuckDB make of it, as one JSON document."""

import glob
import json
import sys

import duckdb
import pyarrow.parquet as parquet

folder, class_folder = sys.argv[1], sys.argv[2]
files = sorted(glob.glob(f"{folder}/**/*.parquet", recursive=True))
rows = [row for file in files for row in parquet.ParquetFile(file).read().to_pylist()]
schema = parquet.ParquetFile(glob.glob(f"{class_folder}/**/*.parquet", recursive=True)[0]).schema_arrow
query = f"""
    SELECT eventDay, accountId, count(*) AS events, count(DISTINCT metadata.uid) AS ids,
           max(len(resources)) AS resources, min(time_dt)::VARCHAR AS first,
           any_value(actor.user.email_addr) AS actor, any_value(unmapped['domain']) AS domain
    FROM read_parquet('{class_folder}/**/*.parquet', hive_partitioning = true)
    GROUP BY ALL ORDER BY ALL
"""
table = duckdb.sql(query)
print(
    json.dumps(
        {
            "ids": [row["metadata"]["uid"] for row in rows],
            "classes": sorted({row["class_uid"] for row in rows}),
            "numbers": [dict(row["unmapped"])["event_details"] for row in rows if row["metadata"]["uid"] == "exact"],
            "columns": {field.name: str(field.type) for field in schema},
            "partitions": [dict(zip(table.columns, row)) for row in table.fetchall()],
        },
        default=str,
    )
)
