//! `tower passwd`: a password's hash, to stand in the configuration in its place.

use super::args::PasswdArgs;
use super::print;
use anyhow::{Context, bail};
use radio_base::password::hash;
use std::io::{IsTerminal, stdin};

/// Longest password, as in the configuration.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Asks for a password, or makes one, and prints its hash.
///
/// # Errors
/// There is none, it was not typed twice alike, or it cannot be hashed.
pub fn run(args: &PasswdArgs) -> anyhow::Result<()> {
    let password = match args.generate {
        true => {
            let password = uuid::Uuid::new_v4().simple().to_string();
            eprintln!("password: {password}");
            password
        }
        false if stdin().is_terminal() => asked_twice()?,
        false => {
            let mut line = String::new();
            stdin().read_line(&mut line).context("the password could not be read")?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX || password.chars().any(char::is_control) {
        bail!("a password is one line of 1 to {PASSWORD_BYTES_MAX} bytes; --generate makes one");
    }
    let hash = hash(&password).map_err(|error| anyhow::anyhow!("the password could not be hashed: {error}"))?;
    print(&format!("{hash}\n"));
    Ok(())
}

fn asked_twice() -> anyhow::Result<String> {
    let ask = |prompt| rpassword::prompt_password(prompt).context("the password could not be read");
    let password = ask("Password: ")?;
    if ask("Once more: ")? != password {
        bail!("these were two different passwords; try again");
    }
    Ok(password)
}
