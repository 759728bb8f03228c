import css from "./join-code.module.css";

// JoinCode is a lesson's code in two groups, as it is read aloud.
export const JoinCode = ({ code }: { code: string }) => (
  <bdi dir="ltr" class={css.code}>
    {code.slice(0, 3)} {code.slice(3)}
  </bdi>
);
