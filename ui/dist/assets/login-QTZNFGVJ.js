import{a,b,c}from"./chunk-TB5UOB4H.js";import"./chunk-WVHC55NC.js";import"./chunk-6BHFA4Y5.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
