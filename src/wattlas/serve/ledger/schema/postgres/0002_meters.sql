ALTER TABLE requests
  ADD COLUMN energy TEXT,
  ADD COLUMN usual_region TEXT
