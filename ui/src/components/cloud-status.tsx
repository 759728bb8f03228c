// All that a teacher sees of the cloud: whether what is saved here is there too.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/box";
import { t, withTexts } from "../locales/i18n";

const pace = 10000;

// CloudStatus is one line, and none where the box is linked to nothing or does not say.
export function CloudStatus() {
  const [seen, setSeen] = useState<{ linked: boolean; waiting: number } | null>(null);
  const done = seen && (!seen.linked || seen.waiting === 0);
  useEffect(() => {
    if (done) return;
    const look = () => void withTexts("after", api.inCloud()).then(setSeen, () => {});
    look();
    const timer = setInterval(() => !document.hidden && look(), pace);
    return () => clearInterval(timer);
  }, [done]);
  if (!seen?.linked) return null;
  return (
    <p class="in-cloud" role="status">
      {t(done ? "incloud.there" : "incloud.waits")}
    </p>
  );
}
