//! When the page asks.

use crate::dashboard::{Dashboard, submit};
use crate::driver::Browser;

/// Watches the document's timers and requests. The page looks both up when it uses them.
const WATCH: &str = "
    window.pending = new Set();
    window.asked = window.asking = window.most = 0;
    const [set, clear, ask] = [setTimeout, clearTimeout, fetch];
    window.setTimeout = (call, ms) => {
        const id = set(() => { pending.delete(id); call(); }, ms);
        pending.add(id);
        return id;
    };
    window.clearTimeout = (id) => { pending.delete(id); clear(id); };
    window.fetch = async (...question) => {
        asked++;
        most = Math.max(most, ++asking);
        try { return await ask(...question); } finally { asking--; }
    };
    window.hide = (isHidden) => {
        Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    };
";

#[test]
fn it_asks_one_thing_at_a_time_and_nothing_while_it_is_not_seen() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    submit(&mut dashboard.connect("client"), 1, "thumbnail");
    dashboard.show(&browser, "");
    browser.run(WATCH);
    browser.until("asked > 0 && pending.size > 0");
    browser.run("location.hash = 'type=thumbnail'; hide(false); hide(false)");
    browser.until("asked > 3");
    browser.run("hide(true)");
    // Between an answer and the next timer there is a moment in which neither is seen.
    browser.until("(window.calm = asking || pending.size ? 0 : (window.calm ?? 0) + 1) > 20");
    browser.run("window.before = asked; hide(false)");
    browser.until("asked > before && pending.size > 0");
    assert_eq!(browser.run("return most"), 1, "one request at a time");
    dashboard.check_quiet(&browser);
}
