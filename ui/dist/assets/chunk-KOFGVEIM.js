import{D as e}from"./chunk-YVLHJSMD.js";var i="Do";var r=t=>`/images/${encodeURIComponent(t)}`,c=({image:t})=>e("img",{class:i,src:r(t.id),alt:t.alt??"",width:t.w,height:t.h});export{c as a};
