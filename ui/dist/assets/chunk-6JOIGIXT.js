import{D as s}from"./chunk-2A6E5TSB.js";var i="jl";var c=({code:e})=>s("bdi",{dir:"ltr",class:i,children:[e.slice(0,3)," ",e.slice(3)]});export{c as a};
