"""The main job: refnet and PyTorch side by side.

gaps          the largest differences of two records
digits        both sides train on handwritten digits
sweep         both go through the case table
job_report    what came out of both, and the verdict
job_lines     the same in lines of text
main_job      it runs both and prints them
figure        its picture
"""
