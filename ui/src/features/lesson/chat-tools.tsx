// What a teacher may do about a message: answer the pupil alone, or delete it for everybody.
import { useState } from "preact/hooks";
import { Ellipsis, Reply, Trash2 } from "lucide";
import { Dialog } from "../../components/dialog";
import { MathText } from "../../components/math-text";
import { Menu, type MenuItem } from "../../components/menu";
import { t } from "../../locales/i18n";
import type { Message, Room } from "../../state/room";

type Said = Pick<Message, "by" | "text">;

// onReply answers the pupil; without it the menu has no such entry.
export function ChatTools<M extends Said>({
  room,
  m,
  onReply,
  onRemove,
}: {
  room: Room;
  m: M;
  onReply?: (m: M) => void;
  onRemove: () => void;
}) {
  const [asked, ask] = useState(false);
  const name = room.name(m.by);
  const items: MenuItem[] = [{ label: t("chat.remove"), icon: Trash2, danger: true, onSelect: () => ask(true) }];
  if (onReply && room.people.value.get(m.by)?.role === "pupil")
    items.unshift({ label: t("chat.reply", { name }), icon: Reply, onSelect: () => onReply(m) });
  return (
    <>
      <Menu label={t("chat.menu", { name })} icon={Ellipsis} items={items} />
      {asked && (
        <Dialog
          title={t("chat.removeAsk")}
          text={
            <bdi>
              <MathText text={m.text} most={200} />
            </bdi>
          }
          confirm={t("chat.remove")}
          danger
          onConfirm={() => {
            onRemove();
            ask(false);
          }}
          onClose={() => ask(false)}
        />
      )}
    </>
  );
}
