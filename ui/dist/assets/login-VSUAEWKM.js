import{a,b,c}from"./chunk-G4PQMU5T.js";import"./chunk-CX5POAZ7.js";import"./chunk-25447GXB.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
