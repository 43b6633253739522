CREATE TABLE windows (
  tenant TEXT NOT NULL,
  contract TEXT NOT NULL,
  "window" TEXT NOT NULL,
  delivered BIGINT NOT NULL,
  granted BIGINT NOT NULL,
  PRIMARY KEY (tenant, contract, "window")
);

CREATE TABLE requests (
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  contract TEXT NOT NULL,
  "window" TEXT NOT NULL,
  admitted_us BIGINT NOT NULL,
  ended_us BIGINT NOT NULL,
  metro TEXT NOT NULL,
  klass TEXT NOT NULL,
  asked TEXT NOT NULL,
  degraded BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  "end" TEXT NOT NULL,
  status BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  model_asked TEXT NOT NULL,
  model_served TEXT NOT NULL,
  region TEXT NOT NULL,
  point TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  tokens_in BIGINT,
  tokens_out BIGINT,
  method TEXT NOT NULL,
  it_mj BIGINT,
  facility_mj BIGINT,
  average_ug BIGINT,
  marginal_ug BIGINT,
  nano_usd BIGINT,
  usual_mj BIGINT,
  usual_average_ug BIGINT,
  usual_marginal_ug BIGINT,
  usual_nano_usd BIGINT,
  vintage TEXT NOT NULL,
  first_us BIGINT,
  number BIGINT NOT NULL,
  head BYTEA NOT NULL,
  PRIMARY KEY (tenant, number)
);

CREATE INDEX requests_by_time ON requests (tenant, admitted_us);

CREATE TABLE chains (
  tenant TEXT PRIMARY KEY,
  number BIGINT NOT NULL,
  head BYTEA NOT NULL
);

CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value BYTEA NOT NULL
)
