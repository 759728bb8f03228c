import{D as s}from"./chunk-4R7GEK4Y.js";var i="dl";var c=({code:e})=>s("bdi",{dir:"ltr",class:i,children:[e.slice(0,3)," ",e.slice(3)]});export{c as a};
