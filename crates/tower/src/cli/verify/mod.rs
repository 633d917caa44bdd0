//! `tower verify`: proof that a live tower's stream is what an uninterrupted encoder makes of what is on air.

mod compare;
