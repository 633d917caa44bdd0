//! What is on air at each tick (SPEC ROUTER).
