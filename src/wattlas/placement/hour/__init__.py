"""One hour by itself: in closed form, by the engine, by HiGHS."""
