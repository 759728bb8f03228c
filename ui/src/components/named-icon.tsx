import { ArrowDown, Check, CheckCheck, CircleQuestionMark, Clock, CloudOff, Hand, Lock, Users, X } from "lucide";
import { Icon } from "./icon";

const icons = {
  hand: Hand,
  yes: Check,
  no: X,
  lost: CircleQuestionMark,
  lock: Lock,
  down: ArrowDown,
  waiting: Clock,
  sent: Check,
  saved: CheckCheck,
  people: Users,
  cloud: CloudOff,
};

export type NamedIconName = keyof typeof icons;

// NamedIcon is for an icon that a state chooses. It says nothing by itself.
export const NamedIcon = ({ name }: { name: NamedIconName }) => <Icon icon={icons[name]} />;
