//! Tokens of a client in its own name: nobody let it in, and nobody signs out.

use super::World;
use super::grants::ACCESS;

/// An access token of the machine.
#[derive(Clone, Copy, Debug)]
pub struct MachineToken {
    pub until: i64,
    pub revoked: bool,
}

impl World {
    /// Whether the machine is switched off.
    pub fn is_machine_off(&self) -> bool {
        self.disabled.last().copied().unwrap_or_default()
    }

    /// The machine has one more token.
    pub fn give_machine(&mut self) -> MachineToken {
        let token = MachineToken { until: self.now + ACCESS, revoked: false };
        self.machine.push(token);
        token
    }

    /// Whether one of its tokens is good.
    pub fn is_machine_good(&self, at: usize) -> bool {
        let token = self.machine[at];
        self.now < token.until && !token.revoked && !self.is_machine_off()
    }
}
