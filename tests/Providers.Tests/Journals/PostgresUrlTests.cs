using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Npgsql;

namespace Evergrain.Providers.Tests.Journals;

public sealed class PostgresUrlTests
{
    [Theory]
    [InlineData("postgres://ann:secret@db.local:6432/logs", "db.local", 6432, "ann", "secret", "logs")]
    [InlineData("postgresql://ann@db.local", "db.local", 5432, "ann", null, "ann")]
    [InlineData("POSTGRES://ann:@db.local/", "db.local", 5432, "ann", "", "ann")]
    [InlineData("postgres://a%40b:p%40s%2Fs%3Aw%25%C3%A9@h/d%20b", "h", 5432, "a@b", "p@s/s:w%é", "d b")]
    [InlineData("postgres://ann:a:b@h/d", "h", 5432, "ann", "a:b", "d")]
    [InlineData("postgres://ann:a+b@h/d", "h", 5432, "ann", "a+b", "d")]
    [InlineData("postgres://ann@[::1]:6000/d", "::1", 6000, "ann", null, "d")]
    [InlineData("postgres://ann@[fe80::1]/d", "fe80::1", 5432, "ann", null, "d")]
    [InlineData("postgres:///d?host=/run/pg&user=ann&password=x%26y&port=7", "/run/pg", 7, "ann", "x&y", "d")]
    [InlineData("postgres://ann@/d?host=%2Frun%2Fpg", "/run/pg", 5432, "ann", null, "d")]
    [InlineData("Host=h;Username=ann;Password='a;b=c';Database=d;Port=6", "h", 6, "ann", "a;b=c", "d")]
    public void Parse_Url_FindsEveryPart(
        string url, string host, int port, string user, string? password, string database)
    {
        var settings = PostgresUrl.Parse(url);

        Assert.Equal((host, port, user, database),
            (settings.Host, settings.Port, settings.Username, settings.Database));
        Assert.Equal(password ?? "", settings.Password ?? "");
    }

    [Theory]
    [InlineData("disable", SslMode.Disable)]
    [InlineData("require", SslMode.Require)]
    [InlineData("verify-full", SslMode.VerifyFull)]
    public void Parse_SslMode_IsTakenOver(string word, SslMode mode)
    {
        var settings = PostgresUrl.Parse($"postgres://ann@h/d?sslmode={word}&application_name=me&connect_timeout=3");

        Assert.Equal((mode, "me", 3), (settings.SslMode, settings.ApplicationName, settings.Timeout));
    }

    [Theory]
    [InlineData("postgres://ann:s3cret@h:s3cret/d", "port")]
    [InlineData("postgres://ann:s3cret@h:0/d", "port")]
    [InlineData("postgres://ann:s3cret@h:65536/d", "port")]
    [InlineData("postgres://ann:12/s3cret@h/d", "user or password")]
    [InlineData("postgres://ann:12?s3cret@h/d", "user or password")]
    [InlineData("postgres://ann:s3cret%@h/d", "password")]
    [InlineData("postgres://ann:s3cret%2@h/d", "password")]
    [InlineData("postgres://an%zz:s3cret@h/d", "user")]
    [InlineData("postgres://ann:s3cret@h/d%", "database")]
    [InlineData("postgres://ann:s3cret@[::1/d", "host")]
    [InlineData("postgres://ann:s3cret@/d", "host")]
    [InlineData("postgres://", "host")]
    [InlineData("postgres://ann:s3cret@h/d?sslmode=s3cret", "sslmode")]
    [InlineData("postgres://ann:s3cret@h/d?s3cret=1", "part behind '?'")]
    [InlineData("postgres://ann:s3cret@h/d?connect_timeout=s3cret", "connect_timeout")]
    public void Parse_PartIsWrong_NamesItAndKeepsThePassword(string url, string part)
    {
        var failure = Assert.Throws<JournalUnavailableException>(() => PostgresUrl.Parse(url));

        Assert.StartsWith($"The {part} of the journal's URL ", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Host=h;Password=a;s3cret=b")]
    [InlineData("Host=h;Port=s3cret")]
    [InlineData("Host=h;Password=\"s3cret")]
    [InlineData("Host=h;SSL Mode=s3cret")]
    [InlineData("http://ann:s3cret@h/d")]
    [InlineData("s3cret")]
    public void Parse_NeitherUrlNorConnectionString_SaysSoAndKeepsThePassword(string url)
    {
        var failure = Assert.Throws<JournalUnavailableException>(() => PostgresUrl.Parse(url));

        Assert.Contains("neither postgres://", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", failure.ToString(), StringComparison.Ordinal);
    }
}
