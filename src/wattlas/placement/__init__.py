"""Scenario → Plan: feasibility, the linear program, the frontier and what they are worth.

api          `plan`: a scenario in, a placement out
problem      what one program holds: open places, sources, unit values, columns and rows
constraints  what a placement must keep
hour         one hour by itself: in closed form, by the engine, by HiGHS
window       hours that something couples: limits over windows, switching costs
engine       the compiled simplex: arrays in, arrays out
solution     what a solution comes to, and stretches of time put together
explain      why there is no plan, and the proof that one is optimal
frontier     V(τ): exact at its breakpoints, sampled, and soft
compare      baselines, counterfactuals, and what saves what
breakeven    when moving a block of demand pays
tables       tables that describe a plan
streaming    long plans chunk by chunk
"""
