import{D as e}from"./chunk-E563XTTI.js";var i="No";var r=t=>`/images/${encodeURIComponent(t)}`,c=({image:t})=>e("img",{class:i,src:r(t.id),alt:t.alt??"",width:t.w,height:t.h});export{c as a};
