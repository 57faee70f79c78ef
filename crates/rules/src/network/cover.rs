//! Whether some patterns of addresses leave nothing to another one.
//!
//! A pattern is a few *boxes*: addresses in a row by ports in a row, of one protocol and direction. Those
//! of the others are taken away from those of the one; what is left then is its own.

use super::{Direction, Pattern, Protocol};
use crate::glob::{self, Glob};
use alloc::vec::Vec;

/// Boxes that may be left in between, before it is given up: the answer is no then.
const MOST: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    protocol: Protocol,
    bind: bool,
    v4: bool,
}

#[derive(Clone, Copy)]
struct Area {
    kind: Kind,
    hosts: (u128, u128),
    ports: (u16, u16),
}

/// A pattern, and the direction if only one is meant.
pub(crate) type Meant<'a> = (&'a Pattern, Option<Direction>);

/// Whether everything that `one` means is meant by one of `others`.
pub(crate) fn covers(others: &[Meant<'_>], one: Meant<'_>) -> bool {
    let sockets = match one.0 {
        Pattern::Ip { .. } => true,
        Pattern::Any => unix_covered(others, &Glob::everything(), one.1),
        Pattern::Unix(glob) => return unix_covered(others, glob, one.1),
    };
    sockets && left(others, one)
}

fn meant(direction: Option<Direction>, this: Direction) -> bool {
    direction.is_none_or(|direction| direction == this)
}

fn unix_covered(others: &[Meant<'_>], glob: &Glob, direction: Option<Direction>) -> bool {
    [Direction::Bind, Direction::Connect].into_iter().filter(|this| meant(direction, *this)).all(
        |this| {
            let mine = others.iter().filter(|other| meant(other.1, this));
            if mine.clone().any(|other| matches!(other.0, Pattern::Any)) {
                return true;
            }
            let globs = mine.filter_map(|other| match other.0 {
                Pattern::Unix(glob) => Some(glob),
                _ => None,
            });
            glob::covers(globs, glob)
        },
    )
}

/// Whether nothing of the boxes is left.
fn left(others: &[Meant<'_>], one: Meant<'_>) -> bool {
    let mut left = areas(one);
    for other in others.iter().flat_map(|other| areas(*other)) {
        left = left.into_iter().flat_map(|area| without(area, other)).collect();
        if left.len() > MOST {
            return false;
        }
    }
    left.is_empty()
}

fn areas((pattern, direction): Meant<'_>) -> Vec<Area> {
    let all = (super::Hosts::ALL, (0, u16::MAX));
    let (protocols, (hosts, ports)) = match pattern {
        Pattern::Any => (&[Protocol::Tcp, Protocol::Udp][..], all),
        Pattern::Unix(_) => (&[][..], all),
        Pattern::Ip { protocol: Protocol::Tcp, hosts, ports } => {
            (&[Protocol::Tcp][..], (*hosts, *ports))
        }
        Pattern::Ip { protocol: Protocol::Udp, hosts, ports } => {
            (&[Protocol::Udp][..], (*hosts, *ports))
        }
    };
    let v4 = hosts.v4.map(|(first, last)| (true, (u128::from(first), u128::from(last))));
    let v6 = hosts.v6.map(|rows| (false, rows));
    let mut out = Vec::new();
    for &protocol in protocols {
        for this in [Direction::Bind, Direction::Connect] {
            for (v4, hosts) in v4.iter().chain(&v6) {
                if meant(direction, this) {
                    let kind = Kind { protocol, bind: this == Direction::Bind, v4: *v4 };
                    out.push(Area { kind, hosts: *hosts, ports });
                }
            }
        }
    }
    out
}

/// What is left of an area: above, below, and on both sides.
fn without(area: Area, other: Area) -> Vec<Area> {
    let hosts = (area.hosts.0.max(other.hosts.0), area.hosts.1.min(other.hosts.1));
    let ports = (area.ports.0.max(other.ports.0), area.ports.1.min(other.ports.1));
    if area.kind != other.kind || hosts.0 > hosts.1 || ports.0 > ports.1 {
        return alloc::vec![area];
    }
    let mut out = Vec::new();
    if area.hosts.0 < hosts.0 {
        out.push(Area { hosts: (area.hosts.0, hosts.0 - 1), ..area });
    }
    if hosts.1 < area.hosts.1 {
        out.push(Area { hosts: (hosts.1 + 1, area.hosts.1), ..area });
    }
    if area.ports.0 < ports.0 {
        out.push(Area { hosts, ports: (area.ports.0, ports.0 - 1), ..area });
    }
    if ports.1 < area.ports.1 {
        out.push(Area { hosts, ports: (ports.1 + 1, area.ports.1), ..area });
    }
    out
}
