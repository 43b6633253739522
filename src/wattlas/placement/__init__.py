"""Scenario → Plan: feasibility, the linear program, the frontier and what they are worth.

feasibility  which places may serve which demand, and what closes the others
instance     the arrays of one program, equal sources merged
measures     what a request costs, emits and waits at each place
program      the linear program, one function per equation
highs        the solver behind it
hourly       hours that nothing couples, solved apart
caps         a limit over a window, by its multiplier
"""
