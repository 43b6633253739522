ALTER TABLE requests
  ADD COLUMN energy TEXT,
  ADD COLUMN usual_region TEXT,
  ADD COLUMN corrects TEXT,
  ADD COLUMN filled BIGINT
