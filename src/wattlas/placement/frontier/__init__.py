"""V(τ): exact at its breakpoints, sampled, and soft."""
