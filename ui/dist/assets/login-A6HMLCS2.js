import{a,b,c}from"./chunk-3EBYKN64.js";import"./chunk-RUMVPP6K.js";import"./chunk-LDG24YAJ.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
