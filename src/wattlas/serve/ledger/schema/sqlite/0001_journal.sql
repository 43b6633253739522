CREATE TABLE windows (
  tenant TEXT NOT NULL,
  contract TEXT NOT NULL,
  window TEXT NOT NULL,
  delivered INTEGER NOT NULL,
  granted INTEGER NOT NULL,
  PRIMARY KEY (tenant, contract, window)
) WITHOUT ROWID;

CREATE TABLE segments (
  tenant TEXT NOT NULL,
  first INTEGER NOT NULL,
  since_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  lines TEXT NOT NULL,
  heads BLOB NOT NULL,
  PRIMARY KEY (tenant, first)
);

CREATE INDEX segments_by_time ON segments (tenant, until_us);

CREATE VIEW requests AS
SELECT
  json_extract(row.value, '$[0]') AS id,
  json_extract(row.value, '$[1]') AS tenant,
  json_extract(row.value, '$[2]') AS contract,
  json_extract(row.value, '$[3]') AS window,
  json_extract(row.value, '$[4]') AS admitted_us,
  json_extract(row.value, '$[5]') AS ended_us,
  json_extract(row.value, '$[6]') AS metro,
  json_extract(row.value, '$[7]') AS klass,
  json_extract(row.value, '$[8]') AS asked,
  json_extract(row.value, '$[9]') AS degraded,
  json_extract(row.value, '$[10]') AS reason,
  json_extract(row.value, '$[11]') AS "end",
  json_extract(row.value, '$[12]') AS status,
  json_extract(row.value, '$[13]') AS attempts,
  json_extract(row.value, '$[14]') AS model_asked,
  json_extract(row.value, '$[15]') AS model_served,
  json_extract(row.value, '$[16]') AS region,
  json_extract(row.value, '$[17]') AS point,
  json_extract(row.value, '$[18]') AS epoch,
  json_extract(row.value, '$[19]') AS tokens_in,
  json_extract(row.value, '$[20]') AS tokens_out,
  json_extract(row.value, '$[21]') AS method,
  json_extract(row.value, '$[22]') AS it_mj,
  json_extract(row.value, '$[23]') AS facility_mj,
  json_extract(row.value, '$[24]') AS average_ug,
  json_extract(row.value, '$[25]') AS marginal_ug,
  json_extract(row.value, '$[26]') AS nano_usd,
  json_extract(row.value, '$[27]') AS usual_mj,
  json_extract(row.value, '$[28]') AS usual_average_ug,
  json_extract(row.value, '$[29]') AS usual_marginal_ug,
  json_extract(row.value, '$[30]') AS usual_nano_usd,
  json_extract(row.value, '$[31]') AS vintage,
  json_extract(row.value, '$[32]') AS first_us,
  first + row.key AS number,
  substr(heads, 32 * row.key + 1, 32) AS head
FROM segments, json_each('[' || lines || ']') AS row;

CREATE TABLE taken (
  series TEXT NOT NULL,
  block INTEGER NOT NULL,
  bits BLOB NOT NULL,
  PRIMARY KEY (series, block)
) WITHOUT ROWID;

CREATE TABLE chains (
  tenant TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  head BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID
