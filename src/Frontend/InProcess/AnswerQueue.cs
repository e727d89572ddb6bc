namespace Evergrain.Frontend.InProcess;

/// <summary>
/// Gives answers on the thread that made them due. What waits for an answer goes on at once, on that thread, and may
/// make more answers due: those stand in line, so that the stack does not grow with them.
/// </summary>
internal static class AnswerQueue
{
    [ThreadStatic]
    private static List<Action>? _giving;

    public static void Run(List<Action>? answers)
    {
        if (answers is null)
        {
            return;
        }

        if (_giving is { } before)
        {
            before.AddRange(answers);
            return;
        }

        _giving = answers;
        try
        {
            for (var i = 0; i < answers.Count; i++)
            {
                answers[i]();
            }
        }
        finally
        {
            _giving = null;
        }
    }
}
