//! The pages that show a run's tables, which nothing but a run writes.

use std::error::Error;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- peers-table:begin -->";
const END: &str = "<!-- peers-table:end -->";

/// Puts `text` between the markers of a page; its path is counted from this package.
///
/// # Errors
/// The page is not there, or has not each marker once.
pub(crate) fn write(page: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let old = fs::read_to_string(&path)?;
    let new = replace(&old, text).ok_or_else(|| format!("{page}: {BEGIN} … {END} once, please"))?;
    Ok(fs::write(&path, new)?)
}

fn replace(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let is_there_again = [BEGIN, END].iter().any(|marker| after.contains(marker));
    (!is_there_again).then(|| format!("{before}{BEGIN}\n{}\n{END}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_markers_is_replaced() {
        let page = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(replace(&page, "new\n"), Some(format!("above\n{BEGIN}\nnew\n{END}\nbelow\n")));
        assert_eq!(replace("no markers", "new"), None);
        assert_eq!(replace(&(page.clone() + &page), "new"), None);
    }
}
