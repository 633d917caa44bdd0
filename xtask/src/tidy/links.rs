//! Relative links in Markdown lead to a file, and to a heading of it.

use super::Source;
use std::path::Path;

/// Links of one document that lead nowhere.
pub(super) fn check(source: &Source) -> Vec<String> {
    let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    targets(&source.text)
        .into_iter()
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { Path::new(&source.path).to_owned() } else { folder.join(file) };
            let missing = !path.exists() || !(heading.is_empty() || has_heading(&path, heading));
            missing.then(|| format!("{}: the link to {target} leads nowhere", source.path))
        })
        .collect()
}

/// What stands in the round brackets of `[text](target)`, outside code.
fn targets(text: &str) -> Vec<&str> {
    let mut code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    });
    lines
        .flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()))
        .filter(|target| !target.is_empty())
        .collect()
}

fn has_heading(path: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line.trim_start_matches('#').trim()) == anchor)
}

/// Anchor that forges give to a heading.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_outside_code_are_found() {
        let text = "a [b](c.md#d) e\n```\n[x](y)\n```\n[f](https://g)";
        assert_eq!(targets(text), ["c.md#d", "https://g"]);
    }

    #[test]
    fn a_heading_has_the_anchor_that_forges_give_it() {
        assert_eq!(slug("6. Encoder manager (ENC)"), "6-encoder-manager-enc");
    }
}
