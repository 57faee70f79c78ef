//! Each driver at frame level, with Linux at the other end, or DPDK.

mod huge;
mod packet_socket;
mod station;
mod tap;
mod udp;
mod vhost;
mod xdp;
