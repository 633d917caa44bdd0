//! HTTP and what is built on it: pages, API, access, events, webhooks, metrics, TLS.

#[path = "../common/mod.rs"]
mod common;
mod pages;
mod proxy;

mod dashboard;
mod dashboard_load;
mod events;
mod framing;
mod host_names;
mod metrics;
mod monitoring;
mod openapi;
mod proxy_headers;
mod public_access;
mod roles;
mod shoutcast;
mod station_access;
mod strangers;
mod tls;
mod validators;
mod waiting;
mod web_player;
mod webhooks;
