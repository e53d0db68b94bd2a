//! Small MMDB files: places of a few networks, as an operator's `geoip.database` holds them
//! (<https://maxmind.github.io/MaxMind-DB/>).

use std::net::Ipv4Addr;

/// A value of an MMDB file.
pub enum Value {
    Text(&'static str),
    Double(f64),
    Map(Vec<(&'static str, Value)>),
    Number(u16),
    /// Of 32 bits.
    Long(u16),
    /// Of 64 bits.
    Longer(u16),
    /// Of nothing.
    List,
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) if text.len() < 29 => {
                out.push(0x40 | u8::try_from(text.len()).unwrap());
                out.extend(text.as_bytes());
            }
            Self::Text(text) => {
                out.extend([0x5d, u8::try_from(text.len() - 29).unwrap()]);
                out.extend(text.as_bytes());
            }
            Self::Double(number) => {
                out.push(0x68);
                out.extend(number.to_be_bytes());
            }
            Self::Number(number) => {
                out.push(0xa2);
                out.extend(number.to_be_bytes());
            }
            Self::Long(number) => {
                out.push(0xc2);
                out.extend(number.to_be_bytes());
            }
            Self::Longer(number) => {
                out.extend([0x02, 0x02]);
                out.extend(number.to_be_bytes());
            }
            Self::List => out.extend([0x00, 0x04]),
            Self::Map(members) => {
                out.push(0xe0 | u8::try_from(members.len()).unwrap());
                for (name, value) in members {
                    Value::Text(name).write(out);
                    value.write(out);
                }
            }
        }
    }
}

/// A branch of the tree of networks: what follows a bit of 0 and a bit of 1.
#[derive(Clone, Copy)]
enum Side {
    Nothing,
    Node(usize),
    Record(usize),
}

/// A file with the record of each `network/24`.
pub fn file(records: &[(Ipv4Addr, &Value)]) -> Vec<u8> {
    let mut nodes = vec![[Side::Nothing; 2]];
    let (mut data, mut starts) = (Vec::new(), Vec::new());
    for (number, (network, record)) in records.iter().enumerate() {
        starts.push(data.len());
        record.write(&mut data);
        let mut at = 0;
        for depth in 0..24_u32 {
            let bit = usize::from((network.to_bits() >> (31 - depth)) & 1 == 1);
            at = match nodes[at][bit] {
                _ if depth == 23 => {
                    nodes[at][bit] = Side::Record(number);
                    break;
                }
                Side::Node(next) => next,
                Side::Nothing | Side::Record(_) => {
                    nodes.push([Side::Nothing; 2]);
                    nodes[at][bit] = Side::Node(nodes.len() - 1);
                    nodes.len() - 1
                }
            };
        }
    }
    let mut bytes = Vec::new();
    for side in nodes.iter().flatten() {
        let pointer = match side {
            Side::Nothing => nodes.len(),
            Side::Node(next) => *next,
            Side::Record(number) => nodes.len() + 16 + starts[*number],
        };
        bytes.extend(&u32::try_from(pointer).unwrap().to_be_bytes()[1..]);
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Value::Map(vec![
        ("binary_format_major_version", Value::Number(2)),
        ("binary_format_minor_version", Value::Number(0)),
        ("build_epoch", Value::Longer(1)),
        ("database_type", Value::Text("Test")),
        ("description", Value::Map(Vec::new())),
        ("ip_version", Value::Number(4)),
        ("languages", Value::List),
        ("node_count", Value::Long(u16::try_from(nodes.len()).unwrap())),
        ("record_size", Value::Number(24)),
    ]);
    metadata.write(&mut bytes);
    bytes
}
