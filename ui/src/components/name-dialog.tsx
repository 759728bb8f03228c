import { useState } from "preact/hooks";
import { Fault } from "../api/http";
import { Button } from "./button";
import { FormError, TextField } from "./form-field";
import { useTask } from "./hooks";
import { DialogSheet } from "./dialog-sheet";

// atNameField has the fault of a title at the one field there is.
const atNameField = (f: Fault | null) =>
  f?.field === "title" ? new Fault(f.status, f.reason, f.code, "name", f.limit) : f;

// NameDialog asks for one name: of a class, or of slides.
export function NameDialog(props: {
  title: string;
  label: string;
  yes: string;
  value?: string;
  limit?: number;
  save: (name: string) => Promise<void>;
  onClose: () => void;
}) {
  const [name, setName] = useState(props.value ?? "");
  const [busy, fault, run] = useTask();
  return (
    <DialogSheet title={props.title} onClose={props.onClose}>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault();
          void run(() => props.save(name.trim()));
        }}
      >
        <TextField
          label={props.label}
          name="name"
          value={name}
          onInput={setName}
          fault={atNameField(fault)}
          required
          maxLength={props.limit ?? 80}
          autoComplete="off"
          autoFocus
        />
        <FormError fault={fault} fields={["name", "title"]} />
        <Button type="submit" kind="primary" busy={busy} disabled={!name.trim()}>
          {props.yes}
        </Button>
      </form>
    </DialogSheet>
  );
}
