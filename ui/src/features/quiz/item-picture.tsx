// A picture of a question or of an option.
import type { ItemImage } from "../../contract";
import css from "./item-picture.module.css";

export const pictureURL = (id: string) => `/images/${encodeURIComponent(id)}`;

export const ItemPicture = ({ image }: { image: ItemImage }) => (
  <img class={css.picture} src={pictureURL(image.id)} alt={image.alt ?? ""} width={image.w} height={image.h} />
);
