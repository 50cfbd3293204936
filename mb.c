#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <string.h>
static double now(void){struct timespec t;clock_gettime(CLOCK_THREAD_CPUTIME_ID,&t);return t.tv_sec+t.tv_nsec*1e-9;}
__attribute__((noinline)) void tile(const float*const*rows,const float*x,size_t xs,size_t n,float*out){
 __m256 acc[4][3],v[3];
 for(int r=0;r<4;r++)for(int t=0;t<3;t++)acc[r][t]=_mm256_setzero_ps();
 for(size_t i=0;i<n;i+=8){
#pragma GCC unroll 4
  for(int t=0;t<3;t++){v[t]=_mm256_loadu_ps(x+t*xs+i);__asm__("":"+x"(v[t]));}
#pragma GCC unroll 4
  for(int r=0;r<4;r++){__m256 w=_mm256_loadu_ps(rows[r]+i);__asm__("":"+x"(w));
#pragma GCC unroll 4
   for(int t=0;t<3;t++)acc[r][t]=_mm256_fmadd_ps(w,v[t],acc[r][t]);}
 }
 for(int r=0;r<4;r++)for(int t=0;t<3;t++)_mm256_storeu_ps(out+(r*3+t)*8,acc[r][t]);
}
int main(int c,char**v){
 size_t K=atoi(v[1]),xs=atoi(v[2]),ntok=atoi(v[3]); size_t ps=K+16;
 float*p=aligned_alloc(64,8*ps*4),*x=aligned_alloc(64,ntok*xs*4),out[96]; memset(p,0,8*ps*4);memset(x,0,ntok*xs*4);
 double best=0;
 for(int rep=0;rep<20;rep++){
  double t0=now(); size_t mac=0;
  while(now()-t0<0.02){
   for(int q=0;q<20;q++)
   for(size_t t=0;t+3<=ntok;t+=3)for(int r=0;r<8;r+=4){const float*rows[4]={p+r*ps,p+(r+1)*ps,p+(r+2)*ps,p+(r+3)*ps};tile(rows,x+t*xs,xs,K,out);mac+=12*K;}
  }
  double g=mac/(now()-t0)/1e9; if(g>best)best=g;}
 printf("K %zu stride %zu tokens %zu: %.1f GMAC/s\n",K,xs,ntok,best);
}
