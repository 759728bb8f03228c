// useWakeLock keeps the screen of this device on while the page is in sight. Browsers have this on
// secure pages only; elsewhere the device's own settings decide.
import { useEffect } from "preact/hooks";

export function useWakeLock() {
  useEffect(() => {
    if (!("wakeLock" in navigator)) return;
    let lock: WakeLockSentinel | null = null;
    let gone = false;
    const hold = async () => {
      if (document.hidden) return;
      const got = await navigator.wakeLock.request("screen").catch(() => null); // refused: the battery is low
      if (gone) void got?.release();
      else lock = got;
    };
    void hold();
    document.addEventListener("visibilitychange", hold); // a hidden page has lost it
    return () => {
      gone = true;
      document.removeEventListener("visibilitychange", hold);
      void lock?.release();
    };
  }, []);
}
