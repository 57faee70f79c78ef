//! Changing the keys of an open store, so that a crash at any point leaves one list or the other.
//!
//! Both copies of the key area hold the same list at all times: the seal names the serial of the
//! older one as the one that counts and that of the newer one as the one that is about to. So the
//! store opens when either copy is damaged, and once a change is done no copy has a slot that was
//! removed. A change writes the copies one after the other, each named by the seal before the
//! other one is touched.

use crate::Store;
use crate::cipher::{Session, Sessions};
use crate::committing::{seal_key, trouble_of};
use crate::error::Error;
use crate::keys::Opened;
use crate::medium::Randomness;

impl Store {
    /// Changes the keys: adds or removes a way to open the store, or draws new keys. What `change`
    /// does is safe, and in both copies, when this returns; if it fails, nothing changed. What is
    /// written from then on is encrypted with the newest master key.
    ///
    /// # Errors
    /// What `change` says; [`Error::ReadOnly`]; [`Error::Invalid`] while a commit is under way;
    /// [`Error::Stopped`] if a medium failed, and then either list may count.
    pub fn change_keys<T>(
        &mut self,
        randomness: &mut dyn Randomness,
        change: impl FnOnce(&mut Opened, &mut dyn Randomness) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.may_write()?;
        if self.landing {
            return Err(Error::Invalid("a commit is under way"));
        }
        let mut keys = self.keys.duplicate();
        let told = change(&mut keys, randomness)?;
        self.replace_keys(keys, randomness)?;
        Ok(told)
    }

    /// Writes these keys into both copies, and uses them from then on.
    pub(crate) fn replace_keys(
        &mut self,
        keys: Opened,
        randomness: &mut dyn Randomness,
    ) -> Result<(), Error> {
        let newer = keys.keyring().generations() > self.keys.keyring().generations();
        let keys = match self.write_twice(keys, randomness) {
            Ok(keys) => keys,
            Err(error) => return Err(self.stop(trouble_of(&error))),
        };
        self.keys = keys;
        if newer {
            // Pages that wait in the cache go out under the new key, too.
            let mut sessions = Sessions::of(self.keys.keyring());
            self.session = Some(Session::begin(&mut sessions, randomness)?);
            *self.tree.sessions() = sessions;
        }
        Ok(())
    }

    fn write_twice(
        &mut self,
        mut keys: Opened,
        randomness: &mut dyn Randomness,
    ) -> Result<Opened, Error> {
        for _ in 0..2 {
            // Over the older copy: the newer one opens the store until this one is named.
            let older = keys.serial();
            let newer = keys.write(&*self.medium, randomness)?;
            self.medium.sync().map_err(Error::Medium)?;
            keys.settle()?;
            self.seal.keys_serial = older;
            self.seal.keys_intended = newer;
            self.seal.write(&*self.seal_medium, &seal_key(keys.keyring()))?;
            self.seal_medium.sync().map_err(Error::SealMedium)?;
        }
        Ok(keys)
    }
}
