//! Each driver that sits on a Linux interface, at frame level, with Linux at the other end.

mod packet_socket;
mod station;
mod tap;
mod udp;
mod xdp;
