CREATE TABLE windows (
  tenant TEXT NOT NULL,
  contract TEXT NOT NULL,
  window TEXT NOT NULL,
  delivered INTEGER NOT NULL,
  granted INTEGER NOT NULL,
  PRIMARY KEY (tenant, contract, window)
) WITHOUT ROWID;

CREATE TABLE requests (
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  contract TEXT NOT NULL,
  window TEXT NOT NULL,
  admitted_us INTEGER NOT NULL,
  ended_us INTEGER NOT NULL,
  metro TEXT NOT NULL,
  klass TEXT NOT NULL,
  asked TEXT NOT NULL,
  degraded INTEGER NOT NULL,
  reason TEXT NOT NULL,
  "end" TEXT NOT NULL,
  status INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  model_asked TEXT NOT NULL,
  model_served TEXT NOT NULL,
  region TEXT NOT NULL,
  point TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  tokens_in INTEGER,
  tokens_out INTEGER,
  method TEXT NOT NULL,
  it_mj INTEGER,
  facility_mj INTEGER,
  average_ug INTEGER,
  marginal_ug INTEGER,
  nano_usd INTEGER,
  usual_mj INTEGER,
  usual_average_ug INTEGER,
  usual_marginal_ug INTEGER,
  usual_nano_usd INTEGER,
  vintage TEXT NOT NULL,
  number INTEGER NOT NULL,
  head BLOB NOT NULL,
  PRIMARY KEY (tenant, number)
) WITHOUT ROWID;

CREATE INDEX requests_by_time ON requests (tenant, admitted_us);

CREATE TABLE chains (
  tenant TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  head BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID
