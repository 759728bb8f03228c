// latePart makes a component whose code is loaded when it is first shown, or before that by preload.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading, PartMissing } from "./feedback";

export function latePart<P extends object>(load: () => Promise<ComponentType<P>>) {
  let got: ComponentType<P> | null = null;
  const preload = async () => {
    got ??= await load();
    return got;
  };
  function LatePart(props: P) {
    const [state, setState] = useState<"waiting" | "here" | "failed">(got ? "here" : "waiting");
    // The code may arrive between the first drawing and this effect: ask in any case.
    useEffect(() => {
      preload().then(
        () => setState("here"),
        () => setState("failed"),
      );
    }, []);
    if (state === "failed") return <PartMissing />;
    const Part = got;
    return Part ? <Part {...props} /> : <Loading />;
  }
  return Object.assign(LatePart, { preload });
}
