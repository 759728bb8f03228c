import{c as o}from"./chunk-ARWRE253.js";import{A as t}from"./chunk-ELDI7NRM.js";var e=r=>t("a",{...r,onClick:o});export{e as a};
