"""What prices, carbon and demand will be: forecasts that know only what was known when issued."""
