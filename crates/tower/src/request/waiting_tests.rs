//! Which connection goes first, and that none is lost.

use super::*;
use futures_util::FutureExt;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn is_asked(ticket: &Ticket) -> bool {
    ticket.asked.is_asked.load(Relaxed)
}

/// Those that are asked to go, one for each newcomer that finds no place.
fn asked(tickets: &[Ticket]) -> Vec<usize> {
    tickets.iter().enumerate().filter(|(_, ticket)| is_asked(ticket)).map(|(index, _)| index).collect()
}

/// A room in which all of so many places are taken.
fn full(places: usize, address: impl Fn(usize) -> IpAddr, start: Instant) -> (Arc<WaitingRoom>, Vec<Ticket>) {
    let room = WaitingRoom::new(places + LEAVING_MAX);
    let tickets = (0..places).map(|n| room.try_enter(address(n), start).expect("there is a place")).collect();
    (room, tickets)
}

#[test]
fn while_there_are_places_one_address_may_have_them_all_and_none_is_asked() {
    let (_room, tickets) = full(100, |_| ip("192.0.2.1"), Instant::now());
    assert!(asked(&tickets).is_empty());
}

#[test]
fn the_address_with_more_than_its_share_goes_first_and_of_it_the_oldest_silent_one() {
    let start = Instant::now();
    let of = |n: usize| if n < 8 { IpAddr::from([192, 0, 2, n as u8]) } else { ip("192.0.2.99") };
    let (room, tickets) = full(20, of, start);
    (8..10).for_each(|n| tickets[n].has_spoken());
    let _first = room.try_enter(ip("203.0.113.1"), start).expect("another has to go");
    assert_eq!(asked(&tickets), [10]);
    let _second = room.try_enter(ip("203.0.113.1"), start).expect("another has to go");
    assert_eq!(asked(&tickets), [10, 11], "each newcomer asks another");
}

#[test]
fn without_such_an_address_the_oldest_that_has_said_nothing_goes_and_then_the_oldest_that_is_slow() {
    let start = Instant::now();
    let (room, tickets) = full(20, |n| IpAddr::from([192, 0, 2, n as u8]), start);
    tickets.iter().enumerate().filter(|(n, _)| *n != 7).for_each(|(_, ticket)| ticket.has_spoken());
    let enter = |after: Duration| {
        let ticket = room.try_enter(ip("203.0.113.1"), start + after);
        ticket.inspect(Ticket::has_spoken)
    };
    let _first = enter(Duration::ZERO).expect("another has to go");
    assert_eq!(asked(&tickets), [7]);
    assert!(enter(Duration::ZERO).is_none());
    assert_eq!(asked(&tickets), [7], "requests that are on their way stay");
    let _second = enter(HEAD_START).expect("another has to go");
    assert_eq!(asked(&tickets), [0, 7]);
}

#[test]
fn a_network_of_ipv6_has_a_share_too() {
    let start = Instant::now();
    let of = |n: usize| {
        if n < 8 { IpAddr::from([192, 0, 2, n as u8]) } else { ip(&format!("2001:db8:7:{n:x}::1")) }
    };
    let (room, tickets) = full(20, of, start);
    let _newcomer = room.try_enter(ip("203.0.113.1"), start).expect("another has to go");
    assert_eq!(asked(&tickets), [8], "the oldest of the /48, though none of its /64 has more than one");
}

#[test]
fn a_client_behind_a_proxy_counts_by_its_own_address_once_that_is_known() {
    let start = Instant::now();
    let (room, tickets) = full(20, |_| ip("10.0.0.1"), start);
    let client = |n: usize| if n < 12 { IpAddr::from([192, 0, 2, n as u8]) } else { ip("192.0.2.99") };
    tickets.iter().enumerate().rev().for_each(|(n, ticket)| ticket.comes_from(client(n)));
    let _newcomer = room.try_enter(ip("203.0.113.1"), start).expect("another has to go");
    assert_eq!(asked(&tickets), [12], "the oldest of the client with eight, and not the oldest of all");
}

#[test]
fn no_more_are_let_in_than_can_have_gone_a_moment_later_and_nothing_is_left_of_them() {
    let start = Instant::now();
    let (room, tickets) = full(20, |_| ip("192.0.2.1"), start);
    let newcomers: Vec<_> = (0..100).filter_map(|_| room.try_enter(ip("203.0.113.1"), start)).collect();
    assert_eq!(newcomers.len(), LEAVING_MAX);
    assert_eq!(asked(&tickets).len(), LEAVING_MAX, "no more are asked than newcomers came in");
    drop((tickets, newcomers));
    let state = room.lock();
    assert!(state.waiting.is_empty() && state.networks.is_empty() && state.addresses.is_empty());
    assert_eq!((state.asked, state.served), (0, 0));
}

#[tokio::test]
async fn what_is_asked_goes_unless_its_first_bytes_have_come() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut clients = Vec::new();
    let (room, mut sockets) = (WaitingRoom::new(2 + LEAVING_MAX), Vec::new());
    for _ in 0..2 {
        clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        sockets.push((listener.accept().await.unwrap().0, room.enter(ip("192.0.2.1")).await));
    }
    clients[0].write_all(b"GET").await.unwrap();
    sockets[0].0.readable().await.unwrap();
    // Each is asked, the older one first; it has said something that had not been seen.
    drop(room.try_enter(ip("192.0.2.2"), Instant::now()).expect("another has to go"));
    assert!(is_asked(&sockets[0].1));
    assert!(sockets[0].1.first_bytes(&sockets[0].0).await && !is_asked(&sockets[0].1));
    assert!(sockets[0].1.asked_to_go().now_or_never().is_none(), "that has been answered");
    drop(room.try_enter(ip("192.0.2.2"), Instant::now()).expect("another has to go"));
    assert!(is_asked(&sockets[1].1));
    assert!(!sockets[1].1.first_bytes(&sockets[1].0).await);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_waits_for_a_place_where_all_are_being_answered() {
    let room = WaitingRoom::new(1);
    let ticket = room.enter(ip("192.0.2.1")).await;
    ticket.is_served();
    let newcomer = tokio::spawn({
        let room = Arc::clone(&room);
        async move { room.enter(ip("192.0.2.2")).await }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!newcomer.is_finished() && !is_asked(&ticket));
    ticket.waits_again(ip("192.0.2.1"));
    tokio::time::sleep(HEAD_START * 2).await;
    drop(ticket);
    let second = newcomer.await.expect("no panic");
    let state = room.lock();
    assert_eq!((state.waiting.len(), state.served), (1, 0));
    drop(state);
    drop(second);
    assert!(room.lock().waiting.is_empty());
}

#[test]
fn an_answer_that_its_client_does_not_take_counts_and_its_connection_goes_after_those_that_ask() {
    let start = Instant::now();
    let of = |n: usize| if n < 10 { IpAddr::from([192, 0, 2, n as u8]) } else { ip("192.0.2.99") };
    let (room, tickets) = full(20, of, start);
    tickets.iter().for_each(Ticket::is_served);
    assert!(room.try_enter(ip("203.0.113.1"), start + ANSWER_START).is_none(), "they are being answered");
    (0..20).for_each(|n| tickets[n].waits_for_client(of(n)));
    tickets[11].waits_again(of(11));
    let enter = |after: Duration| {
        let ticket = room.try_enter(ip("203.0.113.1"), Instant::now() + after);
        ticket.inspect(Ticket::has_spoken)
    };
    assert!(enter(Duration::ZERO).is_none(), "they have only just begun to take it");
    let _first = enter(HEAD_START_GREEDY).expect("another has to go");
    assert_eq!(asked(&tickets), [11], "of the address with more than its share one that asks");
    let _second = enter(HEAD_START_GREEDY).expect("another has to go");
    assert_eq!(asked(&tickets), [10, 11], "and then the oldest that takes its answer");
    drop(tickets);
    let state = room.lock();
    assert_eq!((state.waiting.len(), state.served, state.asked), (2, 0, 0));
}

#[test]
fn an_answer_that_is_taken_slowly_keeps_its_place_for_longest_where_no_address_has_many() {
    let start = Instant::now();
    let of = |n: usize| IpAddr::from([192, 0, 2, n as u8]);
    let (room, tickets) = full(20, of, start);
    tickets.iter().for_each(Ticket::is_served);
    (0..20).for_each(|n| tickets[n].waits_for_client(of(n)));
    assert!(room.try_enter(ip("203.0.113.1"), Instant::now() + ANSWER_START / 2).is_none());
    let _newcomer = room.try_enter(ip("203.0.113.1"), Instant::now() + ANSWER_START).expect("another has to go");
    assert_eq!(asked(&tickets), [0], "the oldest");
}
