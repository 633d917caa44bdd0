//! The front door: streams, API, page (SPEC API, LIS).
